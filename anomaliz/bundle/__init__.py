"""The versioned directory that training writes and everything else reads."""
