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

// Held is what a port remembers of its adapter.
type Held struct{ hold hold }

// Hold begins to remember, for the port of this name.
func Hold(sys, dev, name string) *Held { return &Held{hold{machine: machine{sys, dev}, name: name}} }

// Open checks the adapter before and after opening it, and between has happen what
// may happen while a port is opened.
func (h *Held) Open(between func()) error {
	a, err := h.hold.check()
	if err != nil {
		return err
	}
	between()
	return h.hold.keep(a)
}

// Look looks around while the port is open.
func (h *Held) Look() { h.hold.look() }

// Polled makes the port do without the kernel's telling what is plugged in.
func (c Config) Polled() Config {
	c.polled = true
	return c
}
