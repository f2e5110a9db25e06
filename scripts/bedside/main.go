// Command bedside is a bedside in one command, all of it emulated: a sensor, the
// cable, an ARM gateway that runs the agent on Debian's kernel, a broker and a
// receiver. Then what happens at bedsides happens: cables are pulled, the network
// and the power fail, sensors are exchanged, and somebody writes into the serial
// line. It ends with counts of readings.
//
// Run it through scripts/qemu, which gets the kernel first. Exit status: 0 if
// nothing is missing, doubled or believed that should not be; 1 if not; 2 for a
// bad command line.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
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

// run is the command: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("bedside", flag.ContinueOnError)
	flags.SetOutput(stderr)
	arch := flags.String("gateway", "arm64", "`kind` of gateway: arm64 or armv7")
	name := flags.String("sensor", "lines", "`kind` of sensor: "+kindNames())
	outage := flags.Duration("outage", time.Minute, "`time` without network")
	console := flags.Bool("console", false, "show the gateway's console at the end")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return exitOK
	} else if err != nil {
		return exitUsage
	}
	k, err := findKind(*name)
	if err == nil && goArch[*arch] == nil {
		err = fmt.Errorf("gateway %q is neither arm64 nor armv7", *arch)
	}
	if err != nil || flags.NArg() > 0 {
		fmt.Fprintln(stderr, "bedside: error:", errors.Join(err, unexpected(flags.Args())))
		return exitUsage
	}
	res, said, err := bedside(ctx, *arch, k, *outage, stdout)
	if *console || err != nil {
		fmt.Fprintf(stderr, "the gateway's console:\n%s\n", said)
	}
	if err != nil {
		fmt.Fprintln(stderr, "bedside: error:", err)
	}
	if err != nil || len(res.problems) > 0 {
		return exitFailed
	}
	return exitOK
}

func unexpected(args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("unexpected argument %q", args[0])
}

// bedside runs the whole scenario and returns what it found and what the gateway
// said on its console.
func bedside(ctx context.Context, arch string, k kind, outage time.Duration, out io.Writer) (res *result, console string, err error) {
	root, err := moduleRoot()
	if err != nil {
		return &result{}, "", err
	}
	r, err := newRig(root, arch, k, out)
	if r != nil {
		defer func() { err = errors.Join(err, r.close()) }()
	}
	if err != nil {
		return &result{}, "", err
	}
	s := &scenario{rig: r, outage: outage}
	err = s.run(ctx)
	if err == nil {
		r.print(&s.result)
	}
	return &s.result, r.gateway.Console.String(), err
}

// moduleRoot returns the folder of go.mod.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	file := strings.TrimSpace(string(out))
	if filepath.Base(file) != "go.mod" {
		return "", errors.New("not inside of the module")
	}
	return filepath.Dir(file), nil
}
