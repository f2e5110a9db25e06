package outbox_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/vitalseal/vitalseal/sdk/outbox"
)

// A publisher's round: alerts first, then live data, then the backlog, and an
// acknowledgement when the broker has confirmed.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	q, err := outbox.Open(outbox.Config{Dir: filepath.Join(dir, "outbox")})
	if err != nil {
		log.Fatal(err)
	}
	put := func(class outbox.Class, topic, sealed string) {
		if _, err := q.Append(outbox.Record{Class: class, Topic: topic, Payload: []byte(sealed)}); err != nil {
			log.Fatal(err)
		}
	}
	put(outbox.Data, "vs1/s/g/d/data", "sealed before the connection")
	if err := q.Commit(); err != nil {
		log.Fatal(err)
	}

	urgent, live, backlog := q.Readers() // one set for each connection
	put(outbox.Data, "vs1/s/g/d/data", "sealed since")
	put(outbox.Alert, "vs1/s/g/d/event", "a sealed alarm")
	if err := q.Commit(); err != nil {
		log.Fatal(err)
	}
	for _, r := range []*outbox.Reader{urgent, live, backlog} {
		for {
			rec, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				log.Fatal(err)
			}
			fmt.Printf("%s %s: %s\n", rec.Class, rec.Topic, rec.Payload)
			if err := q.Ack(rec.ID); err != nil {
				log.Fatal(err)
			}
		}
		r.Close()
	}
	fmt.Println(q.Stats().Records, "left")
	if err := q.Close(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// alert vs1/s/g/d/event: a sealed alarm
	// data vs1/s/g/d/data: sealed since
	// data vs1/s/g/d/data: sealed before the connection
	// 0 left
}
