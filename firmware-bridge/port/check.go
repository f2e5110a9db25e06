package port

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Where udev keeps the stable names.
const (
	byID   = "/dev/serial/by-id"
	byPath = "/dev/serial/by-path"
)

// numbered are the names that the kernel gives in order of arrival.
var numbered = regexp.MustCompile(`^/dev/tty(USB|ACM)[0-9]+$`)

// Check tries the port as Run would, and closes it again: is the name well
// formed, does it exist, is it a serial port, may this user read and write it,
// is it free, does it take the line settings? The error is an *Error with a
// hint.
//
// Warnings are about ports that work today and may not tomorrow. Like every
// opening of a serial port, Check raises DTR and RTS for a moment, which resets
// some microcontroller boards.
func Check(cfg Config) (warnings []string, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if numbered.MatchString(cfg.Name) {
		warnings = append(warnings, renumbering(cfg.Name, byID, byPath))
	}
	s, err := open(context.Background(), cfg, &hold{machine: cfg.withDefaults().machine, name: cfg.Name})
	if err != nil {
		return warnings, asError(cfg.Name, err)
	}
	s.Close()
	return warnings, nil
}

// renumbering warns about a numbered name, with the stable one if a link in one
// of dirs leads to the same device.
func renumbering(name string, dirs ...string) string {
	warning := fmt.Sprintf("port %q may be another adapter after the next start", name)
	for _, link := range links(dirs...) {
		if same(link, name) {
			return fmt.Sprintf("%s; use %q", warning, link)
		}
	}
	return fmt.Sprintf("%s; use its name in %s", warning, byID)
}

func links(dirs ...string) []string {
	var names []string
	for _, dir := range dirs {
		entries, _ := os.ReadDir(dir) // absent when nothing is plugged in
		for _, e := range entries {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	return names
}

func same(a, b string) bool {
	ia, erra := os.Stat(a)
	ib, errb := os.Stat(b)
	return erra == nil && errb == nil && os.SameFile(ia, ib)
}

// explain adds the hint that fits the cause.
func explain(name string, err error) *Error {
	e := asError(name, err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.hint = missing(byID)
	case errors.Is(err, fs.ErrPermission):
		e.hint = fmt.Sprintf("add the user that runs vitalseal to the group %q, which may use it, and log in again", group(name))
	case errors.Is(err, errBusy):
		e.hint = fmt.Sprintf("`fuser -v %s` names it; vitalseal itself, ModemManager and a terminal program are the usual ones", name)
	}
	return e
}

// missing says what is there instead.
func missing(dirs ...string) string {
	found := links(dirs...)
	if len(found) == 0 {
		return "is it plugged in? there is no USB serial adapter on this machine"
	}
	return fmt.Sprintf("is it plugged in? there are: %s", strings.Join(found, ", "))
}
