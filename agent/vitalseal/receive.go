package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

func receiveCommand() command {
	return command{
		name: "receive", args: "-identity DIR -broker URL [-o FILE]", summary: "verify and open readings, as JSON lines",
		about: `
Subscribes to the site of the identity, verifies and opens what arrives, and
writes a JSON object a line: readings, and every refusal, gap and silence with
its verdict. It ends with SIGINT or SIGTERM, or after -for, and then says on
standard error how often it came to which verdict. That there were refusals is no
failure of this command: its exit status is 0.

With -o each line is on the disk before the broker is told, and is in the file
once after any crash. On standard output lines may come twice after a crash.

Gateways are told, signed, what has been received, when the recipient has a key for
that ("vitalseal site renew" gives older ones theirs): one that asks for receipts
keeps what it sealed until then, whatever the broker loses.

The state file remembers what has been received. A device that it does not know is
believed once it has answered this receiver, which takes its gateway some seconds:
otherwise an old recording could pass for new. What it sealed before is refused.`,
		example: "vitalseal receive -identity site/recipients/station -broker mqtts://localhost -o readings.jsonl",
		prepare: func(flags *flag.FlagSet) func(*call) error {
			var r receiving
			flags.StringVar(&r.identity, "identity", "", "`DIR` that the site made for this recipient")
			flags.StringVar(&r.broker, "broker", "", "broker's `URL`, mqtts://HOST[:PORT]")
			flags.StringVar(&r.output, "o", "", "append lines to `FILE` (default standard output)")
			flags.StringVar(&r.state, "state", "", "`FILE` of the state (default state.db in the identity's directory)")
			flags.BoolVar(&r.acceptPast, "accept-past", false, "take also what unknown devices sealed before they answered: for a first start")
			flags.BoolVar(&r.trustFirst, "trust-first", false, "believe unknown devices without an answer")
			flags.BoolVar(&r.noReceipts, "no-receipts", false, "tell gateways nothing: one that asks for this recipient's receipts keeps all")
			flags.DurationVar(&r.duration, "for", 0, "end after this `DURATION`, such as 20s")
			return r.run
		},
	}
}

// receiving is one run of the command.
type receiving struct {
	identity, broker, output, state string
	acceptPast, trustFirst          bool
	noReceipts                      bool
	duration                        time.Duration
}

func (r *receiving) run(c *call) (err error) {
	if err := r.check(c); err != nil {
		return err
	}
	sink, closeSink, err := r.sink(c.stdout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeSink()) }()
	receiver, err := sdk.OpenReceiver(sdk.ReceiverConfig{
		Identity: r.identity, Broker: r.broker, State: r.state, Sink: sink,
		AcceptPast: r.acceptPast, TrustFirst: r.trustFirst, NoReceipts: r.noReceipts,
		Logger: slog.New(slog.NewTextHandler(c.stderr, nil)),
	})
	if errors.Is(err, fs.ErrNotExist) {
		return &hinted{err, `is -identity the directory of a recipient? a site has them in "recipients"`}
	}
	if err != nil {
		return err
	}
	ctx, stop := untilSignal()
	defer stop()
	if r.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.duration)
		defer cancel()
	}
	err = receiver.Run(ctx)
	fmt.Fprintln(c.stderr, "vitalseal: received:", tally(receiver.Stats().Verdicts))
	return errors.Join(err, receiver.Close())
}

func (r *receiving) check(c *call) error {
	switch {
	case r.identity == "":
		return &usageError{text: "no -identity", hint: `"vitalseal site recipient" makes the directory it wants`}
	case r.broker == "":
		return &usageError{text: "no -broker", hint: "give it as mqtts://HOST[:PORT]"}
	case r.duration < 0:
		return &usageError{text: fmt.Sprintf("-for %v is negative", r.duration), hint: see("receive")}
	}
	return c.want("receive", 0, 0)
}

func (r *receiving) sink(stdout io.Writer) (receive.Sink, func() error, error) {
	if r.output == "" || r.output == "-" {
		return receive.NewLines(stdout), func() error { return nil }, nil
	}
	file, err := receive.OpenFile(r.output)
	if err != nil {
		return nil, nil, err
	}
	return file, file.Close, nil
}

// tally says how often there was which verdict, such as "12 valid, 1 gap".
func tally(counts receive.Counts) string {
	var parts []string
	for _, v := range receive.Verdicts() {
		if n := counts[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}
