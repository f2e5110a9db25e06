package port

// The directories of stable names are udev's; tests bring their own.
var (
	Renumbering = renumbering
	Missing     = missing
)

// Explain gives the hint for a cause. The tests may run as root, whom no port
// refuses.
var Explain = explain
