package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

const (
	exitOK = iota
	exitFailed
	exitUsage
)

// options are the command line.
type options struct {
	json   bool
	length time.Duration // 0: until ctx ends
	seed   uint64
	record string // path of a WFDB record; "": seeded patients
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("ward", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&o.json, "json", false, "write the receiver's JSON lines to standard output, and text for people to standard error")
	flags.DurationVar(&o.length, "for", 0, "end after this `time`, though not before every attack was made once")
	flags.Uint64Var(&o.seed, "seed", 1, "seed of the patients")
	flags.StringVar(&o.record, "record", "", "replay the WFDB record at this `path` instead, with or without \".hea\"")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		err := fmt.Errorf("unexpected argument %q", flags.Arg(0))
		fmt.Fprintln(stderr, "ward: error:", err)
		return o, err
	}
	if o.length < 0 {
		err := fmt.Errorf("-for %v is negative", o.length)
		fmt.Fprintln(stderr, "ward: error:", err)
		return o, err
	}
	return o, nil
}

// run is the command: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage
	}
	w, err := newWard(ctx, o)
	if err != nil {
		fmt.Fprintln(stderr, "ward: error:", err)
		return exitFailed
	}
	text := stdout
	if o.json {
		text = stderr
	}
	runErr := w.run(ctx, newDisplay(text, w.board, !o.json), jsonTo(stdout, o.json))
	sum := w.board.summary()
	fmt.Fprint(text, sum)
	if err := errors.Join(runErr, w.close()); err != nil {
		fmt.Fprintln(stderr, "ward: error:", err)
		return exitFailed
	}
	if len(sum.failures()) > 0 {
		return exitFailed
	}
	return exitOK
}

// jsonTo returns where JSON lines go.
func jsonTo(stdout io.Writer, json bool) io.Writer {
	if json {
		return stdout
	}
	return io.Discard
}
