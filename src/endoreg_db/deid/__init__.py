"""De-identification: a library of its own that knows neither Django nor the database nor the keys."""
