package main

import (
	"errors"
	"flag"
	"io"
	"io/fs"

	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
)

func configCommand() command {
	return command{
		name: "config", summary: "print an example configuration",
		about:   "Prints a configuration with every key and what it means. Save it, change it, and\nhave \"vitalseal check\" look at it.",
		example: "vitalseal config > vitalseal.toml",
		prepare: func(*flag.FlagSet) func(*call) error {
			return func(c *call) error {
				if err := c.want("config", 0, 0); err != nil {
					return err
				}
				_, err := io.WriteString(c.stdout, config.Example())
				return err
			}
		},
	}
}

// configFlag declares the flag that names the configuration.
func configFlag(flags *flag.FlagSet) *string {
	return flags.String("config", "vitalseal.toml", "configuration `FILE`")
}

func loadConfig(file string) (*config.Config, error) {
	conf, err := config.Load(file, sensor.Names())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &hinted{err, `name it with -config; "vitalseal config" prints one to begin with`}
	}
	return conf, err
}
