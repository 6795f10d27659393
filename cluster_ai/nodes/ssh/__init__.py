"""Other machines by SSH: whom one speaks to is always known first. The only place that uses paramiko."""
