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

	"golang.org/x/term"
)

func main() {
	signal.Ignore(syscall.SIGPIPE) // it would end us with the site's keys left in /tmp; see pipe
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
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	text, lines := stdout, io.Discard
	if o.json {
		text, lines = stderr, pipe{stdout, cancel}
	}
	runErr := w.run(ctx, newDisplay(pipe{text, cancel}, terminalOf(text, o), w.board), lines)
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

// pipe is a Writer that calls gone when nobody reads any more.
type pipe struct {
	io.Writer
	gone func()
}

func (p pipe) Write(b []byte) (int, error) {
	n, err := p.Writer.Write(b)
	if err != nil {
		p.gone()
	}
	return n, err
}

// terminalOf returns the descriptor of the terminal that out is, or -1. With
// JSON lines the text is never a table: both may go to one terminal.
func terminalOf(out io.Writer, o options) int {
	if f, ok := out.(*os.File); ok && !o.json && term.IsTerminal(int(f.Fd())) {
		return int(f.Fd())
	}
	return -1
}
