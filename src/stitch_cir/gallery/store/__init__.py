"""What a gallery's database holds: tables, transactions, view sets, provenance."""
