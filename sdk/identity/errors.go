package identity

import "errors"

// Errors that a caller decides on. Every other error is for a person to read;
// where the package knows how to mend one, its chain has a Hint() string.
var (
	// ErrNotRecipient reports a content secret that this keyring was never given.
	ErrNotRecipient = errors.New("identity: not a recipient of this anchor or grant")
	// ErrUnwrap reports a content secret that is addressed to this keyring and
	// does not open: altered, or taken from another message.
	ErrUnwrap = errors.New("identity: wrapped content secret does not open")
	// ErrInUse reports an identity that another process, or another part of
	// this one, holds.
	ErrInUse = errors.New("identity: in use by another process")
	// ErrBootRecord reports that the boot counter of a device is lost, corrupt
	// or cannot be stored. The device must not seal.
	ErrBootRecord = errors.New("identity: no boot record that can be relied on")
	// ErrRoster reports bytes that are not a roster signed by this site.
	ErrRoster = errors.New("identity: not a roster of this site")
	// ErrOlderRoster reports a roster that is older than one already seen.
	ErrOlderRoster = errors.New("identity: roster is older than the one in use")
	// ErrExists reports a name that is taken. Nothing has been overwritten.
	ErrExists = errors.New("exists already")
	// ErrUnknown reports a name that the site does not have.
	ErrUnknown = errors.New("is not known at this site")
)

// hintError is an error with the next step to take.
type hintError struct {
	err  error
	text string
	hint string
}

func (e *hintError) Error() string { return e.text }
func (e *hintError) Unwrap() error { return e.err }

// Hint returns what to do about the error, such as a command to run.
func (e *hintError) Hint() string { return e.hint }
