package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/lines"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/receive"
)

func decodeCommand() command {
	return command{
		name: "decode", args: "-sensor NAME [FILE]", summary: "turn a sensor's bytes into JSON lines, unsealed",
		about: `
Reads the bytes of a sensor from FILE, or from standard input if there is none or
it is "-", and prints the readings as "vitalseal receive" does, but without
verdicts and times: nothing was sealed, so nothing was verified. Each reading is
printed as soon as its bytes are there. At the end the good and bad frames (or
lines) are counted on standard error.

Sensors:
` + wrapped(sensor.Names()) + `
and link, for what a device and its gateway say to each other by
firmware-bridge/link: then each frame is printed, and plain readings behind theirs.

The flags -separator, -header, -skip-first and -field are for the sensor "lines",
which goes by usual names (hr, spo2, temp) without -field. A -field is
NAME=CODE[:UNIT[:EXPONENT]], with NAME or #COLUMN, an MDC code or its reference
id, a UCUM unit, and the power of ten that a number is multiplied by.

The exit status is 0 if a frame was good or there was no input, and 1 if there
was input and none of it could be decoded.`,
		example: "vitalseal decode -sensor nonin-df2 capture.bin\nvitalseal decode -sensor lines -field hr=MDC_ECG_HEART_RATE:/min < /dev/ttyACM0",
		prepare: func(flags *flag.FlagSet) func(*call) error {
			var d decoding
			flags.StringVar(&d.sensor, "sensor", "", "`NAME` of the kind of sensor")
			flags.StringVar(&d.options.Separator, "separator", "", "`CHARACTER` between columns, \\t for tab (default as found)")
			flags.BoolVar(&d.options.Header, "header", false, "the first line names the columns")
			flags.BoolVar(&d.options.SkipFirst, "skip-first", false, "skip up to the first end of line")
			flags.Var(&d.fields, "field", "`MAPPING` of a key or column to a metric; can be repeated")
			return d.run
		},
	}
}

// wrapped lists names in lines of a page's width.
func wrapped(names []string) string {
	var b strings.Builder
	width := 0
	for i, name := range names {
		if i < len(names)-1 {
			name += ","
		}
		switch {
		case i == 0:
		case width+1+len(name) > 79:
			b.WriteByte('\n')
			width = 0
		default:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(name)
		width += len(name)
	}
	return b.String()
}

// piece is how much is decoded at a time: a decoder's batch has bounds.
const piece = 4096

// decoding is one run of the command.
type decoding struct {
	sensor  string
	options lines.Config
	fields  list

	decoder sensor.Decoder
	batch   vital.Batch
	out     []byte
	read    uint64
}

func (d *decoding) run(c *call) error {
	if err := c.want("decode", 0, 1); err != nil {
		return err
	}
	if d.sensor == config.LinkDriver {
		return d.runLink(c)
	}
	if err := d.makeDecoder(); err != nil {
		return err
	}
	in, err := c.input()
	if err != nil {
		return err
	}
	defer in.Close()
	if err := d.decodeAll(in, c.stdout); err != nil {
		return err
	}
	good, bad := d.decoder.Frames()
	fmt.Fprintf(c.stderr, "good %d, bad %d\n", good, bad)
	if good == 0 && d.read > 0 {
		return &hinted{fmt.Errorf("none of %d bytes could be decoded as %q", d.read, d.sensor),
			"is it this kind of sensor, and was the rate of the line right?"}
	}
	return nil
}

// runLink decodes what was recorded of a link.
func (d *decoding) runLink(c *call) error {
	if o := d.options; o.Separator != "" || o.Header || o.SkipFirst || len(d.fields) > 0 {
		return &usageError{text: "-separator, -header, -skip-first and -field are for the sensor \"lines\"", hint: see("decode")}
	}
	in, err := c.input()
	if err != nil {
		return err
	}
	defer in.Close()
	return decodeLink(c, in)
}

func (d *decoding) makeDecoder() error {
	if d.sensor == "" {
		return &usageError{text: "no -sensor", hint: "known are " + strings.Join(sensor.Names(), ", ") + ", link"}
	}
	driver, err := sensor.Lookup(d.sensor)
	if err != nil {
		text, hint, _ := strings.Cut(withoutPackage(err.Error()), fmt.Sprintf("%q: ", d.sensor))
		return &usageError{text: text + strconv.Quote(d.sensor), hint: hint}
	}
	if d.options.Separator == `\t` {
		d.options.Separator = "\t"
	}
	for _, text := range d.fields {
		field, err := parseField(text)
		if err != nil {
			return err
		}
		d.options.Fields = append(d.options.Fields, field)
	}
	if d.decoder, err = driver.New(sensor.Options{Lines: d.options}); err != nil {
		return &usageError{text: withoutPackage(err.Error()), hint: see("decode")}
	}
	return nil
}

// parseField reads NAME=CODE[:UNIT[:EXPONENT]], where NAME may be #COLUMN. No
// unit of UCUM has a colon.
func parseField(text string) (lines.Field, error) {
	wrong := func(why string) (lines.Field, error) {
		return lines.Field{}, &usageError{text: fmt.Sprintf("-field %q: %s", text, why),
			hint: "write it as hr=MDC_ECG_HEART_RATE:/min, or #1=MDC_ECG_HEART_RATE:/min for the first column"}
	}
	name, metric, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return wrong("no name before a \"=\"")
	}
	var f lines.Field
	if column, ok := strings.CutPrefix(name, "#"); ok {
		n, err := strconv.ParseUint(column, 10, 8)
		if err != nil || n == 0 {
			return wrong(fmt.Sprintf("column %q is not a number from 1 to 255", column))
		}
		f.Column = int(n)
	} else {
		f.Name = name
	}
	var exponent string
	f.Code, f.Unit, _ = strings.Cut(metric, ":")
	f.Unit, exponent, ok = strings.Cut(f.Unit, ":")
	if ok {
		n, err := strconv.ParseInt(exponent, 10, 8)
		if err != nil || n < -9 || n > 9 {
			return wrong(fmt.Sprintf("exponent %q is not a number from -9 to 9", exponent))
		}
		f.Exponent = int8(n)
	}
	return f, nil
}

// decodeAll writes what each read completed before it reads on, so that a slow
// line is seen as it speaks.
func (d *decoding) decodeAll(in io.Reader, out io.Writer) error {
	buf := make([]byte, piece)
	for {
		n, err := in.Read(buf)
		d.read += uint64(n)
		d.decoder.Decode(&d.batch, buf[:n])
		if errors.Is(err, io.EOF) {
			d.decoder.Flush(&d.batch)
			return d.print(out)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("reading: %w", err), d.print(out))
		}
		if err := d.print(out); err != nil {
			return err
		}
	}
}

func (d *decoding) print(out io.Writer) error {
	d.out = receive.AppendBatch(d.out[:0], receive.Meta{}, &d.batch)
	d.batch.Reset()
	if len(d.out) == 0 {
		return nil
	}
	_, err := out.Write(d.out)
	return err
}

// input opens the file that the arguments name, or standard input.
func (c *call) input() (io.ReadCloser, error) {
	if len(c.args) == 0 || c.args[0] == "-" {
		return io.NopCloser(c.stdin), nil
	}
	return os.Open(c.args[0])
}
