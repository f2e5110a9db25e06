package port_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/port"
)

// printer shows what a handler is told.
type printer struct{ stop context.CancelFunc }

func (p printer) Data(b []byte, _ time.Time) { fmt.Printf("data %q\n", b) }

func (p printer) Event(e port.Event) {
	fmt.Println(e.Kind)
	if e.Kind == port.Lost {
		p.stop()
	}
}

// A simulator on a socket stands for a sensor; with a sensor, Name is its name
// under /dev/serial/by-id.
func ExampleRun() {
	dir, err := os.MkdirTemp("", "port")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "oximeter.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		panic(err)
	}
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		fmt.Fprint(conn, "SPO2=097 HR=072\r\n")
		conn.Close()
	}()

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	cfg := port.Config{Name: "unix:" + socket, Silence: 5 * time.Minute}
	if err := port.Run(ctx, cfg, printer{stop}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// opened
	// data "SPO2=097 HR=072\r\n"
	// lost
}
