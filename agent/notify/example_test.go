package notify_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vitalseal/vitalseal/agent/notify"
)

func Example() {
	dir, err := os.MkdirTemp("", "notify")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer manager.Close()

	// A program does this with os.Getenv and os.Getpid.
	env := map[string]string{"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "60000000"}
	service, err := notify.Systemd(func(name string) string { return env[name] }, os.Getpid())
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	var disk notify.Task // entered before each write, and left after it
	watchdog := &notify.Watchdog{Service: service}
	watchdog.Round = func(context.Context) error {
		if at := disk.For(time.Now()); at > watchdog.Period() {
			return fmt.Errorf("at the same write for %v", at)
		}
		return nil
	}
	watchdog.Summary = func(context.Context) string { return "all is well" }
	ended := make(chan struct{})
	go func() { watchdog.Run(ctx); close(ended) }()

	word := make([]byte, 4096)
	n, err := manager.Read(word)
	fmt.Println(strings.ReplaceAll(string(word[:n]), "\n", ", "), err)
	cancel()
	<-ended
	// Output: READY=1, STATUS=all is well, WATCHDOG=1 <nil>
}
