"use strict";

const root = document.getElementById("docs");

SwaggerUIBundle({
  url: root.dataset.schema,
  domNode: root,
  deepLinking: true,
  validatorUrl: null, // no badge from somebody else's server
  requestInterceptor: (request) => {
    // Whoever is logged into the admin may try things out here: that takes the CSRF token.
    const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/);
    if (token && request.url.startsWith(location.origin)) request.headers["X-CSRFToken"] = token[1];
    return request;
  },
});
