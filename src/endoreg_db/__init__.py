"""EndoReg Intake: takes in endoscopy recordings and reports so that research can use them safely."""

__version__ = "0.1.0"
