"""The packed vectors of one generation, memory-mapped, and rebuilt from the database."""
