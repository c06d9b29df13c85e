"""Documents as they stand in MongoDB, and the values they are read into."""
