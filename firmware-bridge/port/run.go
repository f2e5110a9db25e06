package port

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"
)

// Run opens the port, passes every byte to h and opens it again whenever it is
// gone, until ctx ends; then it returns nil, with every descriptor closed. It
// returns an error, at once, only for a Config that Validate refuses.
//
// A descriptor that gave an error, an end of file or an empty read is dead and
// is never read again. A panic in h passes through Run, which closes the port.
func Run(ctx context.Context, cfg Config, h Handler) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	cfg = cfg.withDefaults()
	var changes <-chan struct{}
	if !cfg.polled {
		var stop func()
		changes, stop = hotplug()
		defer stop()
	}
	k := &keeper{cfg: cfg, h: h, pause: cfg.RetryMin, changes: changes, hold: hold{machine: cfg.machine, name: cfg.Name}}
	for ctx.Err() == nil {
		s, err := open(ctx, cfg, &k.hold)
		switch {
		case err == nil:
			k.follow(ctx, s)
		case ctx.Err() == nil:
			k.unavailable(err)
		}
		k.wait(ctx)
	}
	return nil
}

// stream is what a terminal and a socket have in common. Close may be called at
// any time, from any goroutine and more than once, and ends a blocked Read.
type stream interface {
	io.ReadWriteCloser
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
}

// keeper is the state of one Run.
type keeper struct {
	cfg   Config
	h     Handler
	hold  hold
	pause time.Duration // before the next attempt to open

	changes <-chan struct{} // something was plugged in or out; nil: nobody says so
	outage  string          // the reason reported last, "" while the port was fine
}

// follow reads one opening of the port to its end.
func (k *keeper) follow(ctx context.Context, s stream) {
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	defer k.watch()()

	k.outage = ""
	k.event(Event{Kind: Opened, Writer: &writer{s: s, name: k.cfg.Name, timeout: k.cfg.WriteTimeout}})
	buf := make([]byte, 4096)
	silent := false
	for {
		err := k.arm(s, silent)
		n := 0
		if err == nil {
			n, err = s.Read(buf)
		}
		if n > 0 {
			k.heard(buf[:n], silent)
			silent = false
		}
		switch {
		case err == nil && n > 0:
		case ctx.Err() != nil:
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
			silent = true
			k.event(Event{Kind: Silent})
		default:
			k.lost(err)
			return
		}
	}
}

// watch looks around while the port is open under a name that is its adapter's own,
// until the function that it returns is called.
func (k *keeper) watch() (stop func()) {
	if k.hold.first == nil || !k.hold.first.USB() || !k.hold.byID() {
		return func() {}
	}
	var polled <-chan time.Time
	ticker := time.NewTicker(k.cfg.RetryMax)
	if k.changes == nil {
		polled = ticker.C
	}
	ending, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		defer ticker.Stop()
		for {
			k.hold.look()
			select {
			case <-k.changes:
			case <-polled:
			case <-ending:
				return
			}
		}
	}()
	return func() {
		close(ending)
		<-ended
	}
}

// arm starts the watch on silence anew; a line known to be silent is waited for
// without end.
func (k *keeper) arm(s stream, silent bool) error {
	if k.cfg.Silence == 0 {
		return nil
	}
	if silent {
		return s.SetReadDeadline(time.Time{})
	}
	return s.SetReadDeadline(time.Now().Add(k.cfg.Silence))
}

func (k *keeper) heard(p []byte, silent bool) {
	k.pause = k.cfg.RetryMin
	at := k.cfg.Now()
	if silent {
		k.h.Event(Event{Kind: Resumed, At: at})
	}
	k.h.Data(p, at)
}

func (k *keeper) lost(err error) {
	if err == nil || errors.Is(err, io.EOF) {
		err = io.EOF // an empty read means the same: the other end is gone
	}
	reason := k.reason(err)
	k.outage = unplugged
	k.event(Event{Kind: Lost, Reason: reason})
}

// unplugged stands for every reason that means "nothing there", so that Lost
// followed by a missing file is one event.
const unplugged = "unplugged"

// unavailable reports a reason once.
func (k *keeper) unavailable(err error) {
	reason := k.reason(err)
	text := reason.Error()
	if absent(err) {
		text = unplugged
	}
	if text == k.outage {
		return
	}
	k.outage = text
	kind := Unavailable
	if errors.Is(err, errReplaced) || errors.Is(err, errTwins) {
		kind = Replaced
	}
	k.event(Event{Kind: kind, Reason: reason})
}

// absent tells a port that is not there from one that is there and refuses.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || // no such name
		errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.ENODEV) || // a name with no adapter behind it
		errors.Is(err, syscall.ECONNREFUSED) // a simulator's socket with no simulator
}

func (k *keeper) event(e Event) {
	e.At = k.cfg.Now()
	k.h.Event(e)
}

func (k *keeper) reason(err error) *Error { return asError(k.cfg.Name, err) }

// wait pauses before the next attempt, and doubles the pause after it. When
// something was plugged in, the next attempts come soon: udev makes the stable
// name a moment after the kernel has made the terminal.
func (k *keeper) wait(ctx context.Context) {
	t := time.NewTimer(k.pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-k.changes:
		k.pause = k.cfg.RetryMin
		return
	}
	k.pause = min(2*k.pause, k.cfg.RetryMax)
}

// writer is one opening of a port, for writing.
type writer struct {
	mu      sync.Mutex // a command is not cut in two by another
	s       stream
	name    string
	timeout time.Duration
}

func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.s.SetWriteDeadline(time.Now().Add(w.timeout)); err != nil {
		return 0, asError(w.name, err)
	}
	n, err := w.s.Write(p)
	if err != nil {
		return n, asError(w.name, err)
	}
	return n, nil
}

// asError puts the port's name on err, in place of whatever file or socket the
// operating system called it.
func asError(name string, err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return &Error{Port: name, Err: err}
}
