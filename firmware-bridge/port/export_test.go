package port

// The directories of stable names are udev's; tests bring their own.
var (
	Renumbering = renumbering
	Missing     = missing
)

// Explain gives the hint for a cause. The tests may run as root, whom no port
// refuses.
var Explain = explain

// On makes the port look for its adapter in other directories than /sys and /dev.
func (c Config) On(sys, dev string) Config {
	c.machine = machine{sys, dev}
	return c
}

// AdaptersOf lists what those directories say.
func AdaptersOf(sys, dev string) ([]Adapter, error) { return machine{sys, dev}.adapters() }
