package main

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
)

func versionCommand() command {
	return command{
		name: "version", summary: "print the version",
		about:   "Prints the version, the revision it was built from where that is known, and what\nbuilt it for what.",
		example: "vitalseal version",
		prepare: func(*flag.FlagSet) func(*call) error {
			return func(c *call) error {
				if err := c.want("version", 0, 0); err != nil {
					return err
				}
				_, err := fmt.Fprintf(c.stdout, "vitalseal %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
				return err
			}
		},
	}
}

// version is what the Go toolchain has stamped into the binary.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	text := info.Main.Version
	if text == "" {
		text = "(devel)"
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			text += " " + s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			text += " modified"
		}
	}
	return text
}
