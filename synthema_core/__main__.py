"""`python -m synthema_core` is the command `synthema`."""

from .cli import main

raise SystemExit(main())
