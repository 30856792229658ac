"""Line protocol of InfluxDB: one line a measurement, its tags, its fields and a time."""
