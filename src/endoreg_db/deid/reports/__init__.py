"""Finding identity in the text of reports, and what is put in its place; knows no PDF and no Django."""
