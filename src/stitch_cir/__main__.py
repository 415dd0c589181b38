"""Allow ``python -m stitch_cir``."""

from stitch_cir.cli import main

if __name__ == "__main__":
    main()
