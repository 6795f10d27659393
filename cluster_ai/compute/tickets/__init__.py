"""Attempts at tickets on Dask: handed in at the scheduler, done in child processes of a worker, reported over HTTP.

Dask carries an attempt to a worker and nothing more. Whether it may begin, whether it still counts and what came of it
is between the worker and the API, by a token of that one attempt; what Dask's futures say is never the truth.
"""
