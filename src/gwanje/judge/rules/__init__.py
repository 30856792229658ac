"""Rules: condition to verdict, with the reason; thresholds and who may set them. A thinking room."""
