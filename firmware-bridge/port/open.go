package port

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// dialTimeout bounds the connection to a simulator, which is made at once or refused,
// except on a machine that is busy with other things.
const dialTimeout = 10 * time.Second

// open makes one attempt. The name is resolved anew each time, since the adapter
// behind a stable name may have another number by now.
func open(ctx context.Context, cfg Config, h *hold) (stream, error) {
	src, err := parseName(cfg.Name)
	if err != nil {
		return nil, err
	}
	if src.network == "tty" {
		return openHeld(cfg.Line.withDefaults(), h)
	}
	return dial(ctx, cfg.Name, src)
}

// openHeld opens the terminal if it is the right adapter's.
func openHeld(line Line, h *hold) (stream, error) {
	a, err := h.check()
	if err != nil {
		return nil, err
	}
	s, err := openTTY(h.name, line)
	if err != nil {
		return nil, err
	}
	if err := h.keep(a); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func dial(ctx context.Context, name string, src source) (stream, error) {
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, src.network, src.address)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, &Error{Port: name, Err: err, hint: "is the simulator running?"}
	}
	// localhost is what the hosts file says it is.
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		conn.Close()
		return nil, &Error{Port: name, Err: fmt.Errorf("%q is not a loopback address", tcp.IP)}
	}
	return conn, nil
}
