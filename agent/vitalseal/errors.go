package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
)

// usageError is a call that makes no sense; the exit status is 2.
type usageError struct{ text, hint string }

func (e *usageError) Error() string { return e.text }
func (e *usageError) Hint() string  { return e.hint }

// hinted adds the next step to an error that has none.
type hinted struct {
	err  error
	hint string
}

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }
func (e *hinted) Hint() string  { return e.hint }

// report prints an error as people read it, each of a joined one by itself.
func report(w io.Writer, err error) {
	for _, one := range split(err) {
		text, hint := explain(one)
		fmt.Fprintf(w, "vitalseal: error: %s\n", text)
		if hint != "" {
			fmt.Fprintf(w, "vitalseal: hint: %s\n", hint)
		}
	}
}

// split takes a list of errors apart.
func split(err error) []error {
	var problems config.Problems
	if errors.As(err, &problems) {
		all := make([]error, len(problems))
		for i, p := range problems {
			all[i] = p
		}
		return all
	}
	// errors.Join makes a list; an error that wraps two with fmt.Errorf is one,
	// and has a text of its own around them.
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || err.Error() != errors.Join(joined.Unwrap()...).Error() {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, split(e)...)
	}
	return all
}

// explain returns the text of an error and, if it knows one, the next step.
func explain(err error) (text, hint string) {
	var problem config.Problem
	var broker *mqtt.Error
	var h interface{ Hint() string }
	switch {
	case errors.As(err, &problem):
		hint, problem.Hint = problem.Hint, ""
		return problem.Error(), hint
	case errors.As(err, &h):
		hint = h.Hint()
	case errors.As(err, &broker):
		hint = broker.Hint
	case errors.Is(err, identity.ErrUnknown):
		hint = `"vitalseal site show DIR" lists what the site has`
	case errors.Is(err, fs.ErrPermission):
		hint = "does this user have access? it is the one who must own the files of an identity"
	}
	return withoutPackage(err.Error()), hint
}

// withoutPackage takes away the name of the package that an error begins with,
// which says nothing to an operator.
func withoutPackage(text string) string {
	for _, name := range []string{"vitalseal", "identity", "sensor", "sim", "lines", "seal", "receive", "outbox", "mqtt", "port", "config", "link", "firmware"} {
		if rest, ok := strings.CutPrefix(text, name+": "); ok {
			return rest
		}
	}
	return text
}
