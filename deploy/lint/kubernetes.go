package lint

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// kubernetes decodes every object strictly into its type, and looks whether what one object names is there.
func kubernetes(_ context.Context, text []byte) error {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, policyv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
	var all []runtime.Object
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return references(all)
		}
		if err != nil {
			return err
		}
		object, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			return fmt.Errorf("object %d: %w", len(all)+1, err)
		}
		all = append(all, object)
	}
}

// references finds what is named and is not there. A server takes such objects, and then nothing starts or nobody is
// served.
func references(all []runtime.Object) error {
	there := map[string]bool{}
	var pods []corev1.PodTemplateSpec
	for _, object := range all {
		switch o := object.(type) {
		case *corev1.Secret:
			there["secret "+o.Name] = true
		case *corev1.ConfigMap:
			there["config map "+o.Name] = true
		case *appsv1.Deployment:
			pods = append(pods, o.Spec.Template)
		case *batchv1.Job:
			pods = append(pods, o.Spec.Template)
		}
	}
	var errs []error
	for _, object := range all {
		switch o := object.(type) {
		case *appsv1.Deployment:
			errs = append(errs, selects("the Deployment", o.Spec.Selector, []corev1.PodTemplateSpec{o.Spec.Template}))
		case *policyv1.PodDisruptionBudget:
			errs = append(errs, selects("the PodDisruptionBudget", o.Spec.Selector, pods))
		case *corev1.Service:
			errs = append(errs, selects("the Service", &metav1.LabelSelector{MatchLabels: o.Spec.Selector}, pods), reaches(o, pods))
		}
	}
	for _, pod := range pods {
		for _, name := range named(&pod.Spec) {
			if !there[name] {
				errs = append(errs, fmt.Errorf("there is no %s", name))
			}
		}
	}
	return errors.Join(errs...)
}

func selects(who string, selector *metav1.LabelSelector, pods []corev1.PodTemplateSpec) error {
	chosen, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return fmt.Errorf("%s: %w", who, err)
	}
	for _, pod := range pods {
		if chosen.Matches(labels.Set(pod.Labels)) && !chosen.Empty() {
			return nil
		}
	}
	return fmt.Errorf("%s selects no pods", who)
}

// reaches looks for the ports that a service names.
func reaches(service *corev1.Service, pods []corev1.PodTemplateSpec) error {
	open := map[string]bool{}
	for _, pod := range pods {
		for _, container := range pod.Spec.Containers {
			for _, port := range container.Ports {
				open[port.Name] = true
			}
		}
	}
	for _, port := range service.Spec.Ports {
		if !open[port.TargetPort.StrVal] {
			return fmt.Errorf("the Service sends to port %q, which no container has", port.TargetPort.StrVal)
		}
	}
	return nil
}

// named lists the secrets and config maps that a pod needs.
func named(pod *corev1.PodSpec) []string {
	var names []string
	for _, container := range pod.Containers {
		for _, from := range container.EnvFrom {
			if from.SecretRef != nil {
				names = append(names, "secret "+from.SecretRef.Name)
			}
		}
	}
	for _, volume := range pod.Volumes {
		if volume.ConfigMap != nil {
			names = append(names, "config map "+volume.ConfigMap.Name)
		}
	}
	return names
}
