# SPDX-License-Identifier: Apache-2.0
"""Retired types: templates with them still work, and nothing is made."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    deprecated,
    hidden,
    retired,
    since,
    unsupported,
)

TYPES = (
    retired(
        "OS::Aodh::CombinationAlarm",
        hidden("9.0.0", deprecated("7.0.0", since("2014.1"))),
        "OS::Aodh::CompositeAlarm",
        service="aodh",
        entity="alarm",
    ),
    retired(
        "OS::Designate::Domain", hidden("10.0.0", deprecated("8.0.0", since("5.0.0"))), "OS::Designate::Zone"
    ),
    retired(
        "OS::Designate::Record",
        hidden("10.0.0", deprecated("8.0.0", since("5.0.0"))),
        "OS::Designate::RecordSet",
    ),
    retired(
        "OS::Glance::Image", hidden("22.0.0", deprecated("8.0.0", since("2014.2"))), "OS::Glance::WebImage"
    ),
    retired("OS::Heat::HARestarter", hidden("10.0.0", deprecated("2015.1"))),
    retired("OS::Magnum::Bay", hidden("11.0.0", deprecated("9.0.0", since("6.0.0"))), "OS::Magnum::Cluster"),
    retired(
        "OS::Monasca::AlarmDefinition",
        hidden("25.0.0", deprecated("22.0.0", since("7.0.0", unsupported("5.0.0")))),
    ),
    retired(
        "OS::Monasca::Notification", hidden("25.0.0", deprecated("22.0.0", since("7.0.0", since("5.0.0"))))
    ),
    retired("OS::Sahara::Cluster", hidden("23.0.0", deprecated("22.0.0", since("5.0.0")))),
    retired("OS::Sahara::ClusterTemplate", hidden("23.0.0", deprecated("22.0.0", since("2014.2")))),
    retired("OS::Sahara::DataSource", hidden("23.0.0", deprecated("22.0.0", since("5.0.0")))),
    retired("OS::Sahara::ImageRegistry", hidden("23.0.0", deprecated("22.0.0", since("5.0.0")))),
    retired("OS::Sahara::Job", hidden("23.0.0", deprecated("22.0.0", since("8.0.0")))),
    retired("OS::Sahara::JobBinary", hidden("23.0.0", deprecated("22.0.0", since("5.0.0")))),
    retired("OS::Sahara::NodeGroupTemplate", hidden("23.0.0", deprecated("22.0.0", since("2014.2")))),
    retired("OS::Senlin::Cluster", hidden("23.0.0", deprecated("22.0.0", since("6.0.0")))),
    retired("OS::Senlin::Node", hidden("23.0.0", deprecated("22.0.0", since("6.0.0")))),
    retired("OS::Senlin::Policy", hidden("23.0.0", deprecated("22.0.0", since("6.0.0")))),
    retired("OS::Senlin::Profile", hidden("23.0.0", deprecated("22.0.0", since("6.0.0")))),
    retired("OS::Senlin::Receiver", hidden("23.0.0", deprecated("22.0.0", since("6.0.0")))),
    retired("OS::Vitrage::Template", hidden("27.0.0", deprecated("26.0.0", since("16.0.0")))),
)
