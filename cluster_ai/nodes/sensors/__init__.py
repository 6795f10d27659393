"""What the kernel and the drivers tell about this machine. Everything here blocks and is called in threads.

Each module reads below a root, so that machines that were recorded elsewhere can be read as well. What a machine does
not tell, or tells wrongly, is None or empty: no sensor is a reason to fail.
"""
