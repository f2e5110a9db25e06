package machine

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// patience bounds one command of QMP and the start of QEMU.
const patience = 2 * time.Minute

// monitor speaks the QEMU Machine Protocol: JSON objects, one a line; each command
// has one answer, and events come in between (QEMU's qmp-spec).
type monitor struct {
	mu      sync.Mutex // one command at a time
	conn    net.Conn
	answers chan answer // closed when QEMU has gone

	events  sync.Mutex
	waiting map[string]chan struct{} // by id of the device that is to go
}

// answer is any message of QEMU.
type answer struct {
	Greeting json.RawMessage `json:"QMP"`
	Return   json.RawMessage `json:"return"`
	Error    *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
	Event string `json:"event"`
	Data  struct {
		Device string `json:"device"`
	} `json:"data"`
}

// newMonitor takes over a connection that QEMU made, and leaves the mode in which
// QEMU only negotiates.
func newMonitor(conn net.Conn) (*monitor, error) {
	m := &monitor{conn: conn, answers: make(chan answer, 1), waiting: map[string]chan struct{}{}}
	go m.follow()
	if greeting, err := m.next(); err != nil || greeting.Greeting == nil {
		return nil, errors.Join(errors.New("qemu does not greet on its monitor"), err)
	}
	return m, m.command("qmp_capabilities", nil)
}

func (m *monitor) follow() {
	defer close(m.answers)
	lines := bufio.NewScanner(m.conn)
	for lines.Scan() {
		var a answer
		if json.Unmarshal(lines.Bytes(), &a) != nil {
			continue // nothing that QEMU documents
		}
		switch a.Event {
		case "":
			m.answers <- a
		case "DEVICE_DELETED":
			m.deleted(a.Data.Device)
		}
	}
}

func (m *monitor) deleted(device string) {
	m.events.Lock()
	defer m.events.Unlock()
	if gone := m.waiting[device]; gone != nil {
		close(gone)
		delete(m.waiting, device)
	}
}

// command runs one and waits for its answer.
func (m *monitor) command(name string, arguments map[string]any) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	text, err := json.Marshal(struct {
		Execute   string         `json:"execute"`
		Arguments map[string]any `json:"arguments,omitempty"`
	}{name, arguments})
	if err != nil {
		return err
	}
	if _, err := m.conn.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("qemu's monitor: %v", err)
	}
	a, err := m.next()
	if err == nil && a.Error != nil {
		err = fmt.Errorf("%s", a.Error.Desc)
	}
	if err != nil {
		return fmt.Errorf("qemu's monitor: %s: %v", name, err)
	}
	return nil
}

func (m *monitor) next() (answer, error) {
	select {
	case a, ok := <-m.answers:
		if !ok {
			return a, errors.New("qemu has ended")
		}
		return a, nil
	case <-time.After(patience):
		return answer{}, errors.New("no answer")
	}
}

// unplug removes a device and waits until it is gone.
func (m *monitor) unplug(id string) error {
	gone := make(chan struct{})
	m.events.Lock()
	m.waiting[id] = gone
	m.events.Unlock()
	if err := m.command("device_del", map[string]any{"id": id}); err != nil {
		return err
	}
	select {
	case <-gone:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("device %q does not go", id)
	}
}
