"""The video pass: probe, blank everything but the endoscopic image, encode, verify."""
