"""Carry: batches on their way from where they are measured to where they are kept. A family: each other file is a transport."""
