"""Files and folders: tables in their formats, locks, and writing in one step."""
