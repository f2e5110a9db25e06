package main

import (
	"flag"
	"io"

	"github.com/vitalseal/vitalseal/scripts/systemd"
)

func serviceCommand() command {
	return command{
		name: "service", summary: "print a unit for systemd",
		about: `
Prints a unit that has systemd run the agent with no more rights than it needs,
start it again whenever it ends, and end it when it does not get on. How to install
it is at its top.`,
		example: "vitalseal service > /etc/systemd/system/vitalseal.service",
		prepare: func(*flag.FlagSet) func(*call) error {
			return func(c *call) error {
				if err := c.want("service", 0, 0); err != nil {
					return err
				}
				_, err := io.WriteString(c.stdout, systemd.Unit)
				return err
			}
		},
	}
}
