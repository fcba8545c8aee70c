// A program as large as servers are: much of the standard library, kept whole, and a fault in C.
package main

/*
static __attribute__((noinline)) int large_fault(int id) {
	return *(volatile int *)(long)id;
}
*/
import "C"

import (
	"archive/tar"
	"archive/zip"
	"crypto/tls"
	"database/sql"
	"debug/dwarf"
	"debug/pe"
	"encoding/gob"
	"encoding/xml"
	"expvar"
	"fmt"
	"go/build"
	"go/importer"
	"go/printer"
	"go/types"
	"html/template"
	"image/gif"
	"image/jpeg"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/http/httputil"
	"net/rpc/jsonrpc"
	"net/smtp"
	"os"
	"reflect"
	"testing"
	"text/tabwriter"
)

// A method that is called by a name from outside keeps all methods of all types.
func keep(name string, values ...any) {
	for _, value := range values {
		if method := reflect.ValueOf(value).MethodByName(name); method.IsValid() && len(os.Args) > 9 {
			method.Call(nil)
		}
	}
}

func main() {
	keep(os.Args[0], &tar.Reader{}, &zip.Reader{}, &tls.Config{}, &sql.DB{}, &dwarf.Data{}, &pe.File{}, &gob.Decoder{},
		&xml.Decoder{}, &expvar.Map{}, &build.Context{}, importer.Default(), &printer.Config{}, &types.Config{},
		&template.Template{}, &gif.GIF{}, &jpeg.Options{}, &png.Encoder{}, &multipart.Reader{}, &http.Server{},
		&httputil.ReverseProxy{}, jsonrpc.NewClientCodec, &smtp.Client{}, &testing.T{}, &tabwriter.Writer{})
	fmt.Println(C.large_fault(8))
}
