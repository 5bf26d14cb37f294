"""``python -m endoreg_db`` is ``endoreg``."""

from endoreg_db.cli.main import main

if __name__ == "__main__":
    main()
