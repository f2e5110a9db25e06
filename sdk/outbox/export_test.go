package outbox

// CheckFS is Check for a directory that is not on a real disk.
func CheckFS(fs FS) (Report, error) { return check(fs, func(string) error { return nil }) }
