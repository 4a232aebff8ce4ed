"""The pure core of mainspring: values in, values out; time and chance are arguments."""
