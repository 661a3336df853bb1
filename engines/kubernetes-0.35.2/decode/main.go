// Decodes stored objects and prints them with Kubernetes' own code, as tools like auger do: client-go's scheme reads the
// protobuf, and its serializers write JSON, or YAML by sigs.k8s.io/yaml.
//
// Standard input is first the objects: their number, then each with its length before it, four bytes big-endian. Then
// lines: "print json" or "print yaml" prints each object with its length before it; "json N" or "yaml N" does them all N
// times, and prints the nanoseconds of processor time that took, garbage collection included, and the bytes that were made.
// "codec-json N" and "codec-yaml N" do so through a codec of the object's version, made for each object, as auger does.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"

	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

func main() {
	runtime.GOMAXPROCS(1)
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	objects := make([][]byte, number(in))
	for at := range objects {
		objects[at] = make([]byte, number(in))
		_, err := io.ReadFull(in, objects[at])
		check(err)
	}
	for {
		line, err := in.ReadString('\n')
		if err == io.EOF {
			return
		}
		check(err)
		var form string
		var rounds int
		if _, err := fmt.Sscanf(line, "print %s", &form); err == nil {
			for _, object := range objects {
				var text bytes.Buffer
				show(object, encoder(form), &text)
				check(binary.Write(out, binary.BigEndian, uint32(text.Len())))
				_, err := out.Write(text.Bytes())
				check(err)
			}
		} else {
			_, err := fmt.Sscanf(line, "%s %d", &form, &rounds)
			check(err)
			form, byCodec := strings.CutPrefix(form, "codec-")
			into, show := encoder(form), show
			if byCodec {
				show = showByCodec
			}
			var text bytes.Buffer
			made := 0
			before := processorTime()
			for range rounds {
				for _, object := range objects {
					text.Reset()
					show(object, into, &text)
					made += text.Len()
				}
			}
			fmt.Fprintln(out, processorTime()-before, made)
		}
		check(out.Flush())
	}
}

func show(object []byte, into kruntime.Encoder, text *bytes.Buffer) {
	decoded, _, err := scheme.Codecs.UniversalDeserializer().Decode(object, nil, nil)
	check(err)
	check(into.Encode(decoded, text))
}

func showByCodec(object []byte, into kruntime.Encoder, text *bytes.Buffer) {
	unknown := &kruntime.Unknown{}
	check(unknown.Unmarshal(object[4:]))
	version, err := schema.ParseGroupVersion(unknown.APIVersion)
	check(err)
	codec := func(serializer kruntime.Encoder) kruntime.Codec {
		both := serializer.(kruntime.Serializer)
		encoder := scheme.Codecs.EncoderForVersion(both, version)
		return scheme.Codecs.CodecForVersions(encoder, scheme.Codecs.DecoderToVersion(both, version), version, version)
	}
	decoded, err := kruntime.Decode(codec(encoder("vnd.kubernetes.protobuf")), object)
	check(err)
	encoded, err := kruntime.Encode(codec(into), decoded)
	check(err)
	text.Write(encoded)
}

func encoder(form string) kruntime.Encoder {
	info, ok := kruntime.SerializerInfoForMediaType(scheme.Codecs.SupportedMediaTypes(), "application/"+form)
	if !ok {
		panic(form)
	}
	return info.Serializer
}

func number(in io.Reader) uint32 {
	var number uint32
	check(binary.Read(in, binary.BigEndian, &number))
	return number
}

func processorTime() int64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
