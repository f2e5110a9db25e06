package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// command is one subcommand. Its name has one word or two ("site init").
type command struct {
	name    string
	args    string // of the usage line, such as "DIR [NAME]"
	summary string // a line for the list of commands
	about   string // what help says beside usage and flags
	example string

	// prepare declares the flags and returns what runs once they are parsed.
	prepare func(*flag.FlagSet) func(*call) error
}

// call is one run of a command.
type call struct {
	args   []string // without flags
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

func commands() []command {
	return []command{
		runCommand(), statusCommand(), checkCommand(), configCommand(), serviceCommand(),
		siteInitCommand(), siteGatewayCommand(), siteRecipientCommand(), siteRemoveCommand(),
		siteBrokerCommand(), siteRenewCommand(), siteShowCommand(),
		deviceAddCommand(), deviceProvisionCommand(), deviceRevokeCommand(), deviceListCommand(),
		receiveCommand(), inspectCommand(), decodeCommand(), portsCommand(), simCommand(), versionCommand(),
	}
}

// run is the whole command: it returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage(commands()))
		return 2
	}
	err := dispatch(args, &call{stdin: stdin, stdout: stdout, stderr: stderr})
	if err == nil {
		return 0
	}
	report(stderr, err)
	var wrong *usageError
	var own *exitError
	switch {
	case errors.As(err, &own):
		return own.status
	case errors.As(err, &wrong):
		return 2
	}
	return 1
}

func dispatch(args []string, c *call) error {
	all := commands()
	switch args[0] {
	case "-h", "-help", "--help", "help":
		return help(args[1:], c.stdout, all)
	case "-version", "--version":
		args = append([]string{"version"}, args[1:]...)
	}
	cmd, rest := find(args, all)
	if cmd == nil {
		return unknownCommand(args, c.stdout, all)
	}
	flags := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	start := cmd.prepare(flags)
	positional, err := parse(flags, rest)
	if errors.Is(err, flag.ErrHelp) {
		_, err := io.WriteString(c.stdout, cmd.help(flags))
		return err
	}
	if err != nil {
		return &usageError{text: err.Error(), hint: see(cmd.name)}
	}
	c.args = positional
	return start(c)
}

// parse takes flags before, between and behind the other arguments. After "--"
// nothing is a flag.
func parse(flags *flag.FlagSet, args []string) (positional []string, err error) {
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		rest := flags.Args()
		if taken := len(args) - len(rest); taken > 0 && args[taken-1] == "--" {
			return append(positional, rest...), nil
		}
		if len(rest) == 0 {
			break
		}
		positional, args = append(positional, rest[0]), rest[1:]
	}
	return positional, nil
}

// find returns the command that args begin with, and the arguments behind it.
func find(args []string, all []command) (*command, []string) {
	for words := min(2, len(args)); words > 0; words-- {
		name := strings.Join(args[:words], " ")
		if i := slices.IndexFunc(all, func(c command) bool { return c.name == name }); i >= 0 {
			return &all[i], args[words:]
		}
	}
	return nil, nil
}

// inGroup returns the commands whose first of two words is group.
func inGroup(group string, all []command) []command {
	var members []command
	for _, c := range all {
		if strings.HasPrefix(c.name, group+" ") {
			members = append(members, c)
		}
	}
	return members
}

// unknownCommand also answers "vitalseal site -h".
func unknownCommand(args []string, stdout io.Writer, all []command) error {
	members := inGroup(args[0], all)
	if len(members) == 0 {
		return &usageError{text: fmt.Sprintf("unknown command %q", args[0]), hint: `see "vitalseal help"`}
	}
	if len(args) > 1 && slices.Contains([]string{"-h", "-help", "--help"}, args[1]) {
		_, err := io.WriteString(stdout, groupHelp(members))
		return err
	}
	var names []string
	for _, m := range members {
		names = append(names, strings.TrimPrefix(m.name, args[0]+" "))
	}
	hint := fmt.Sprintf("%q takes one of %s", "vitalseal "+args[0], strings.Join(names, ", "))
	if len(args) == 1 {
		return &usageError{text: fmt.Sprintf("%q is half a command", args[0]), hint: hint}
	}
	return &usageError{text: fmt.Sprintf("unknown command %q", args[0]+" "+args[1]), hint: hint}
}

// want checks the number of arguments; most is -1 where there is no bound.
func (c *call) want(name string, least, most int) error {
	switch {
	case len(c.args) < least:
		return &usageError{text: fmt.Sprintf("%s takes %s, not %d", name, arguments(least, most), len(c.args)), hint: see(name)}
	case most >= 0 && len(c.args) > most:
		return &usageError{text: fmt.Sprintf("%s takes %s: what is %q?", name, arguments(least, most), c.args[most]), hint: see(name)}
	}
	return nil
}

func arguments(least, most int) string {
	switch {
	case most == 0:
		return "no arguments"
	case most == 1:
		return "one argument"
	case most < 0:
		return fmt.Sprintf("%d arguments or more", least)
	case least < most:
		return fmt.Sprintf("%d to %d arguments", least, most)
	}
	return fmt.Sprintf("%d arguments", least)
}

func see(name string) string { return fmt.Sprintf("see %q", "vitalseal "+name+" -h") }

// list is a flag that can be given several times.
type list []string

func (l *list) String() string { return strings.Join(*l, ", ") }

func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}
