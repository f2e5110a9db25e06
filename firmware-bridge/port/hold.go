package port

import (
	"fmt"
	"path/filepath"
	"strings"
)

// hold remembers which adapter a port was opened on first, so that another one,
// with another patient's sensor behind it, is not taken for it later.
type hold struct {
	machine  machine
	identity string
}

// check is called before the terminal that name leads to is opened.
func (h *hold) check(name string) error {
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		return h.moved(name, err)
	}
	a, all := h.machine.at(target)
	id := "a terminal without hardware"
	if a != nil {
		id = a.identity()
		if err := ambiguous(name, a, all); err != nil {
			return err
		}
	}
	if h.identity == "" {
		h.identity = id
	}
	if h.identity != id {
		return &Error{Port: name, Err: fmt.Errorf("%w: it was %s, and is %s", errReplaced, h.identity, id),
			hint: "put back the first one, or restart vitalseal if the sensor behind this one is the right one"}
	}
	return nil
}

// ambiguous refuses a name by id that leads to one of two adapters that only
// their sockets tell apart: to the one that came last.
func ambiguous(name string, a *Adapter, all []Adapter) error {
	if !strings.Contains(name, "/serial/by-id/") {
		return nil
	}
	for i := range all {
		if a.twin(&all[i]) {
			return &Error{Port: name, Err: errTwins,
				hint: fmt.Sprintf("only the socket tells them apart: use %q or %q", a.Name(all), all[i].Name(all))}
		}
	}
	return nil
}

// moved adds to a missing port where its adapter is now.
func (h *hold) moved(name string, err error) error {
	if h.identity != "" {
		all, _ := h.machine.adapters()
		for i := range all {
			if all[i].identity() == h.identity {
				e := explain(name, err)
				e.hint = fmt.Sprintf("its adapter is %q now: use a name that moves with it", all[i].Name(all))
				return e
			}
		}
	}
	return explain(name, err)
}
