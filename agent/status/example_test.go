package status_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/vitalseal/vitalseal/agent/status"
)

func Example() {
	data, err := os.MkdirTemp("", "status")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(data)

	// What an agent does:
	socket, err := status.Listen(data, func(context.Context) status.Report {
		r := status.Report{At: time.Now(), Gateway: "bed12", Clock: status.Clock{Set: true},
			Broker:  status.Broker{Connected: true},
			Sensors: []status.Sensor{{Device: "oximeter-3", Line: status.LineSilent}}}
		r.Problems = status.Problems(&r, r.At)
		return r
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer socket.Close()

	// What `vitalseal status` does:
	r, err := status.Read(context.Background(), data)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range r.Problems {
		fmt.Printf("%s: %s: %s (%s)\n", p.Severity, p.What, p.Why, p.Hint)
	}
	fmt.Println(r.Summary())
	// Output:
	// problem: sensor oximeter-3: nothing is heard from it (is it on, and is the cable in?)
	// warning: clock: nothing keeps it in step: readings say so (run a time service such as chrony)
	// sensor oximeter-3: nothing is heard from it (and 1 more)
}
