package port

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// hold remembers which adapter a port was opened on first, so that another one,
// with another patient's sensor behind it, is not taken for it later.
type hold struct {
	machine machine
	name    string
	first   *Adapter // the zero Adapter of a terminal without hardware; nil: not opened yet
	twins   bool     // a twin of the first was there beside it at some time
}

// check is called before the terminal that the name leads to is opened.
func (h *hold) check() (*Adapter, error) {
	target, err := filepath.EvalSymlinks(h.name)
	if err != nil {
		return nil, h.moved(err)
	}
	before, err := os.Stat(target)
	if err != nil {
		return nil, h.moved(err)
	}
	a, all := h.machine.at(target)
	// The kernel takes a terminal out of /dev before it forgets what it was, but for
	// the number of the interface: if it is still there, and not there again, what was
	// read of it is whole.
	after, err := os.Stat(target)
	if err == nil && (!os.SameFile(before, after) || a != nil && a.USB() && a.Interface == "") {
		err = &fs.PathError{Op: "stat", Path: target, Err: syscall.ENOENT}
	}
	if err != nil {
		return nil, h.moved(err)
	}
	if a == nil {
		a = &Adapter{}
	}
	if err := h.ambiguous(a, all); err != nil {
		return nil, err
	}
	if h.first != nil && !h.same(h.first, a) {
		return nil, &Error{Port: h.name, Err: fmt.Errorf("%w: it was %s, and is %s", errReplaced, h.describe(h.first), h.describe(a)),
			hint: "put back the first one, or restart vitalseal if the sensor behind this one is the right one"}
	}
	return a, nil
}

// keep is called when the terminal was opened that check said is a's: it is still,
// and no other came under its name in between.
func (h *hold) keep(a *Adapter) error {
	now, err := h.check()
	if err != nil {
		return err
	}
	if h.first == nil {
		h.first = a
	}
	if !h.same(h.first, now) {
		return &Error{Port: h.name, Err: fmt.Errorf("%w: it was %s, and is %s", errReplaced, h.describe(a), h.describe(now))}
	}
	return nil
}

// same reports whether b can be nothing but a.
func (h *hold) same(a, b *Adapter) bool {
	if !a.USB() || !b.USB() {
		return a.USB() == b.USB() && a.Path == b.Path
	}
	return a.alike(b) && (a.Socket == b.Socket || !h.bySocket(a))
}

// bySocket reports whether an adapter under this name is known by its socket too:
// unless the name is its own, and its serial number too.
func (h *hold) bySocket(a *Adapter) bool {
	return a.Serial == "" || h.twins || strings.Contains(h.name, "/serial/by-path/") || numbered.MatchString(h.name)
}

// describe is for people who are to see what differs.
func (h *hold) describe(a *Adapter) string {
	if !a.USB() {
		if a.Path == "" {
			return "a terminal without hardware"
		}
		return a.Path
	}
	text := fmt.Sprintf("%04x:%04x", a.Vendor, a.Product)
	if a.Serial != "" {
		text += " " + a.Serial
	}
	if h.bySocket(a) {
		text += " in socket " + a.Socket
	}
	return text + " line " + a.Interface
}

// ambiguous refuses a name by id that leads to one of two adapters that only
// their sockets tell apart: to the one that came last.
func (h *hold) ambiguous(a *Adapter, all []Adapter) error {
	if !h.byID() {
		return nil
	}
	for i := range all {
		if a.twin(&all[i]) {
			h.twins = true
			return &Error{Port: h.name, Err: errTwins,
				hint: fmt.Sprintf("only the socket tells them apart: use %q or %q", a.Name(all), all[i].Name(all))}
		}
	}
	return nil
}

func (h *hold) byID() bool { return strings.Contains(h.name, "/serial/by-id/") }

// look is called while the port is open and something was plugged in or out. A twin
// that came after the first would be taken for it once the first has gone.
func (h *hold) look() {
	all, err := h.machine.adapters()
	if err != nil || !slices.ContainsFunc(all, func(a Adapter) bool { return a.alike(h.first) && a.Socket == h.first.Socket }) {
		return // it has gone itself, or moved
	}
	h.twins = h.twins || slices.ContainsFunc(all, func(a Adapter) bool { return a.twin(h.first) })
}

// moved adds to a missing port where its adapter is now.
func (h *hold) moved(err error) error {
	e := explain(h.name, err)
	if h.first == nil || h.first.Serial == "" || h.twins {
		return e
	}
	all, _ := h.machine.adapters()
	for i := range all {
		if all[i].alike(h.first) {
			e.hint = fmt.Sprintf("its adapter is %q now: use a name that moves with it", all[i].Name(all))
		}
	}
	return e
}
