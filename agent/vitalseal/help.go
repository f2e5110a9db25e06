package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// usage is what a bare "vitalseal" prints.
func usage(all []command) string {
	return `Usage:
    vitalseal COMMAND [FLAGS] [ARGUMENTS]
    vitalseal help COMMAND

` + summaries(all) + `
Examples:
    $ vitalseal site init site -name ward-3 -gateway gw-1 -device oximeter-3 -recipient station -broker localhost
    $ vitalseal check -config site/gateways/gw-1.toml
    $ vitalseal run -config site/gateways/gw-1.toml
    $ vitalseal receive -identity site/recipients/station -broker mqtts://localhost
`
}

func summaries(all []command) string {
	var b strings.Builder
	b.WriteString("Commands:\n")
	for _, c := range all {
		fmt.Fprintf(&b, "    %-15s %s\n", c.name, c.summary)
	}
	return b.String()
}

func groupHelp(members []command) string {
	return summaries(members) + "\nEach has -h.\n"
}

func help(args []string, stdout io.Writer, all []command) error {
	text := usage(all)
	if len(args) > 0 {
		c, rest := find(args, all)
		switch members := inGroup(args[0], all); {
		case c != nil && len(rest) == 0:
			flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
			c.prepare(flags)
			text = c.help(flags)
		case len(members) > 0 && len(args) == 1:
			text = groupHelp(members)
		default:
			return &usageError{text: fmt.Sprintf("unknown command %q", strings.Join(args, " ")), hint: `see "vitalseal help"`}
		}
	}
	_, err := io.WriteString(stdout, text)
	return err
}

// help is the page of one command. The flags come from their declarations, so
// that none is forgotten.
func (c *command) help(flags *flag.FlagSet) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage:\n    %s\n\n%s\n", strings.TrimSpace("vitalseal "+c.name+" "+c.args), strings.TrimSpace(c.about))
	if f := flagsHelp(flags); f != "" {
		fmt.Fprintf(&b, "\nFlags:\n%s", f)
	}
	fmt.Fprintf(&b, "\nExample:\n    $ %s\n", strings.ReplaceAll(strings.TrimSpace(c.example), "\n", "\n    $ "))
	return b.String()
}

func flagsHelp(flags *flag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0s" && f.DefValue != "0" {
			text += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		fmt.Fprintf(&b, "    %-22s %s\n", strings.TrimSpace("-"+f.Name+" "+value), text)
	})
	return b.String()
}
