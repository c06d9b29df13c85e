"""The profile of Voxtelesys, in form and names of the vendor's pages and SDK."""
