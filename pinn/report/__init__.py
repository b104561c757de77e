"""Pages that show runs: the report of one, the index of many, the same page live. They need no network and no server.

A page stands beside plotly's JavaScript, a link to one copy where the disk permits.
"""
